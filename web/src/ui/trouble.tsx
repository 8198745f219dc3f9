/** What of a task a person has to decide: two wrote different things, or the server will not take it. */

import { t } from "../i18n/messages.ts";
import type { Item, Trouble } from "../model/operation.ts";
import type { Field, Task } from "../model/task.ts";
import { useApp } from "./context.ts";

interface TroubleProps {
  readonly item: Item;
  readonly operation: string;
  readonly trouble: Trouble;
}

export function TroubleBox({ item, operation, trouble }: TroubleProps) {
  const { engine, intents } = useApp();
  const choose = (choice: "mine" | "theirs") => () => {
    intents.resolve(operation, choice);
    engine.show({ focus: item.key });
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: not the fields of a form
    <div class="trouble" role="group" aria-label={t("trouble", { name: item.task.name })}>
      {trouble.kind === "collision" && (
        <>
          <p>{t("collision")}</p>
          {trouble.fields.map((field) => (
            <dl key={field}>
              <dt>{t("mine")}</dt>
              <dd dir="auto">{shown(item.task, field)}</dd>
              <dt>{t("theirs")}</dt>
              <dd dir="auto">{shown(trouble.theirs, field)}</dd>
            </dl>
          ))}
        </>
      )}
      {trouble.kind === "removed" && <p>{t("removed-elsewhere")}</p>}
      {trouble.kind === "refused" && <p>{t("refused", { reason: trouble.detail })}</p>}
      <button type="button" class="button primary" onClick={choose("mine")}>
        {t(MINE[trouble.kind])}
      </button>
      <button type="button" class="button" onClick={choose("theirs")}>
        {t(THEIRS[trouble.kind])}
      </button>
    </div>
  );
}

const MINE = { collision: "keep-mine", removed: "keep-task", refused: "try-again" } as const;
const THEIRS = { collision: "keep-theirs", removed: "let-go", refused: "discard" } as const;

function shown(task: Task, field: Field): string {
  const value = task[field];
  return value === null || value === "" ? "—" : String(value);
}
