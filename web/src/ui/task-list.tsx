/** The rows that can be seen, of a list that may have 10,000. */

import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { t } from "../i18n/messages.ts";
import type { Filter } from "../model/list.ts";
import type { Item } from "../model/operation.ts";
import { offsets, windowOf } from "../model/window.ts";
import { useApp, useStore } from "./context.ts";
import { useDragging } from "./dragging.ts";
import { Row } from "./row.tsx";

const USUAL_HEIGHT = 53; // CSS pixels of a row with a name of one line
const MARGIN = 4; // rows beyond what is seen: a turn of the wheel shows no gap

export function TaskList({ items, filter }: { readonly items: readonly Item[]; readonly filter: Filter }) {
  const { engine } = useApp();
  const list = useRef<HTMLUListElement>(null);
  const heights = useRef(new Map<string, number>());
  const [measured, setMeasured] = useState(0);
  const [seen, setSeen] = useState({ top: 0, bottom: innerHeight });
  const focus = useStore((state) => state.focus);
  const drag = useDragging(list);

  const tops = useMemo(
    () =>
      offsets(
        items.map((item) => item.key),
        heights.current,
        USUAL_HEIGHT,
      ),
    [items, measured] /* `measured`: the heights are others */,
  );
  const { start, end, above, below } = windowOf(tops, seen.top, seen.bottom, MARGIN);

  useLayoutEffect(() => {
    let asked = 0;
    const look = () => {
      asked = 0;
      const top = -(list.current?.getBoundingClientRect().top ?? 0);
      setSeen((old) =>
        old.top === top && old.bottom === top + innerHeight ? old : { top, bottom: top + innerHeight },
      );
    };
    const ask = () => {
      asked ||= requestAnimationFrame(look);
    };
    look();
    addEventListener("scroll", ask, { passive: true });
    addEventListener("resize", ask);
    return () => {
      cancelAnimationFrame(asked);
      removeEventListener("scroll", ask);
      removeEventListener("resize", ask);
    };
  }, []);

  useLayoutEffect(() => {
    let isNew = false;
    for (const row of list.current?.children ?? []) {
      const key = (row as HTMLElement).dataset.key ?? "";
      const height = row.getBoundingClientRect().height;
      if (Math.abs((heights.current.get(key) ?? USUAL_HEIGHT) - height) < 0.5) continue;
      heights.current.set(key, height);
      isNew = true;
    }
    if (isNew) setMeasured((count) => count + 1);
  });

  // A row that is to have the focus may be far away: go there. When it is drawn it takes the focus itself.
  useLayoutEffect(() => {
    const index = focus === null ? -1 : items.findIndex((item) => item.key === focus);
    if (index === -1 || list.current === null) return;
    const [top, bottom] = [tops[index] ?? 0, tops[index + 1] ?? 0];
    const place = list.current.getBoundingClientRect().top;
    if (place + top < 80) scrollBy({ top: place + top - 100 });
    else if (place + bottom > innerHeight - 40) scrollBy({ top: place + bottom - innerHeight + 100 });
  }, [focus, items, tops]);

  const rows = items.slice(start, end);
  return (
    <ul
      ref={list}
      class="list"
      aria-label={t("tasks")}
      style={{ paddingBlockStart: `${above}px`, paddingBlockEnd: `${below}px` }}
      onFocusIn={(event) => {
        const key = (event.target as HTMLElement).closest<HTMLElement>("[data-key]")?.dataset.key;
        if (key && engine.store.state.selected !== key) engine.show({ selected: key });
      }}
      {...drag.handlers}
    >
      {rows.map((item, offset) => (
        <Row
          key={item.key}
          item={item}
          items={items}
          index={start + offset}
          isHidden={filter !== "all"}
          drop={drag.target === item.key ? drag.side : null}
        />
      ))}
    </ul>
  );
}
