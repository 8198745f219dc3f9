import { useId } from "preact/hooks";
import { choose, LANGUAGES, t } from "../i18n/messages.ts";
import { useApp, useRun, useStore } from "./context.ts";

export function LanguageChoice() {
  const { engine } = useApp();
  const run = useRun();
  const id = useId();
  const language = useStore((state) => state.language);
  function change(tag: string) {
    run(async () => {
      await choose(tag);
      engine.show({ language: tag });
    });
  }
  return (
    <div class="language">
      <label for={id}>{t("language")}</label>
      <select id={id} value={language} onChange={(event) => change(event.currentTarget.value)}>
        {Object.entries(LANGUAGES).map(([tag, { name }]) => (
          <option key={tag} value={tag} lang={tag}>
            {name}
          </option>
        ))}
      </select>
    </div>
  );
}
