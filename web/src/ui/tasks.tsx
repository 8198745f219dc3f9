/** The list, and all around it. */

import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { number, plural, t } from "../i18n/messages.ts";
import { counts as countsOf, type Filter, shown } from "../model/list.ts";
import { MAX_NAME } from "../model/task.ts";
import { drafts } from "../state/drafts.ts";
import { hashOf } from "../state/route.ts";
import { useApp, useStore } from "./context.ts";
import { TaskList } from "./task-list.tsx";

export function TasksPage() {
  const order = useStore((state) => state.order);
  const route = useStore((state) => state.route);
  const query = useStore((state) => state.query);
  const filter = route.page === "tasks" ? route.filter : "all";
  const items = useMemo(() => shown(order, filter, query), [order, filter, query]);
  const counts = useMemo(() => countsOf(order), [order]);
  return (
    <main class="tasks">
      <NewTask />
      <div class="tools">
        <Filters filter={filter} counts={counts} />
        <Search />
      </div>
      {items.length > 0 ? (
        <TaskList items={items} filter={filter} />
      ) : (
        <Nothing filter={filter} query={query} all={counts.all} />
      )}
      <div class="foot">
        <p role="status">{plural("left", counts.todo)}</p>
        <Bulk todo={counts.todo} done={counts.done} />
      </div>
    </main>
  );
}

function NewTask() {
  const { engine, intents } = useApp();
  const [name, setName] = useState(drafts.newTask);
  const input = useRef<HTMLInputElement>(null);
  const focus = useStore((state) => state.focus);
  // Before anything else is typed: what follows the key that asks for the field belongs into it. By the time it is drawn
  // something else may be wanted.
  useLayoutEffect(() => {
    if (focus !== "new" || engine.store.state.focus !== "new") return;
    input.current?.focus();
    engine.show({ focus: null });
  }, [focus, engine]);

  function change(value: string) {
    setName(value);
    drafts.newTask = value;
  }
  function add(event: SubmitEvent) {
    event.preventDefault();
    if (intents.add(name) === null) return;
    change("");
    // A task that the filter or the search would hide is not one that was added, to the eye.
    const { query, route } = engine.store.state;
    if (query !== "") engine.show({ query: "" });
    if (route.page === "tasks" && route.filter === "done") location.hash = hashOf("all");
  }

  return (
    <form class="new" onSubmit={add}>
      <input
        ref={input}
        aria-label={t("new")}
        placeholder={t("new-placeholder")}
        autocomplete="off"
        enterkeyhint="done"
        maxLength={MAX_NAME}
        value={name}
        onInput={(event) => change(event.currentTarget.value)}
      />
      <button type="submit" class="button primary" aria-disabled={name.trim() === ""}>
        {t("add")}
      </button>
    </form>
  );
}

interface FiltersProps {
  readonly filter: Filter;
  readonly counts: Readonly<Record<Filter, number>>;
}

function Filters({ filter, counts }: FiltersProps) {
  return (
    <nav class="filters" aria-label={t("filters")}>
      {(["all", "todo", "done"] as const).map((one) => (
        <span key={one} class="filter">
          <a href={hashOf(one)} aria-current={one === filter ? "page" : undefined}>
            {t(`filter-${one}`)}
          </a>
          <span class="count">{number(counts[one])}</span>
        </span>
      ))}
    </nav>
  );
}

function Search() {
  const { engine } = useApp();
  const query = useStore((state) => state.query);
  const focus = useStore((state) => state.focus);
  const input = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => {
    if (focus !== "search" || engine.store.state.focus !== "search") return;
    input.current?.focus();
    input.current?.select();
    engine.show({ focus: null });
  }, [focus, engine]);
  return (
    <search class="search">
      <input
        ref={input}
        type="search"
        aria-label={t("search")}
        placeholder={t("search")}
        autocomplete="off"
        value={query}
        onInput={(event) => engine.show({ query: event.currentTarget.value })}
        onKeyDown={(event) => event.key === "Escape" && engine.show({ query: "" })}
      />
    </search>
  );
}

interface NothingProps {
  readonly filter: Filter;
  readonly query: string;
  readonly all: number;
}

/** Why the list is empty, and what to do. */
function Nothing({ filter, query, all }: NothingProps) {
  const complete = useStore((state) => state.data.complete);
  const connection = useStore((state) => state.connection);
  if (!complete && all === 0) {
    return <p class="empty">{t(connection === "online" ? "loading" : "loading-offline")}</p>;
  }
  if (query.trim() !== "") return <p class="empty">{t("nothing-found", { query: query.trim() })}</p>;
  if (all === 0) {
    return (
      <div class="empty">
        <span class="empty-mark" aria-hidden="true" />
        <p>{t("empty")}</p>
        <p class="hint">{t("empty-hint")}</p>
      </div>
    );
  }
  return <p class="empty">{t(filter === "done" ? "nothing-done" : "nothing-todo")}</p>;
}

function Bulk({ todo, done }: { readonly todo: number; readonly done: number }) {
  const { engine, intents } = useApp();
  function clear() {
    intents.clearDone();
    engine.show({ focus: "new" });
  }
  return (
    <div class="bulk">
      {todo + done > 0 && (
        <button type="button" class="quiet" aria-pressed={todo === 0} onClick={() => intents.markAll()}>
          {t("mark-all")}
        </button>
      )}
      {done > 0 && (
        <button type="button" class="quiet" onClick={clear}>
          {t("clear-done")}
        </button>
      )}
    </div>
  );
}
