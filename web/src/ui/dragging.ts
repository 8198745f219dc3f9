/** Order by hand with a mouse, a pen or a finger: a row is taken by its grip and put before or behind another. */

import type { RefObject } from "preact";
import { useRef, useState } from "preact/hooks";
import { useApp } from "./context.ts";

const EDGE = 60; // CSS pixels from the window's edge within which the page scrolls
const STEP = 14;

interface Place {
  readonly key: string;
  readonly side: "before" | "after";
}

export function useDragging(list: RefObject<HTMLElement | null>) {
  const { engine, intents } = useApp();
  const taken = useRef<string | null>(null);
  const [place, setPlace] = useState<Place | null>(null);

  function take(event: PointerEvent) {
    const grip = (event.target as HTMLElement).closest<HTMLElement>("[data-grip]");
    if (!grip || event.button !== 0) return;
    event.preventDefault();
    taken.current = grip.dataset.grip ?? null;
    list.current?.setPointerCapture(event.pointerId);
  }
  function drag(event: PointerEvent) {
    if (taken.current === null) return;
    if (event.clientY < EDGE) scrollBy({ top: -STEP });
    else if (event.clientY > innerHeight - EDGE) scrollBy({ top: STEP });
    const next = placeAt(event, list.current);
    setPlace((old) => (old?.key === next?.key && old?.side === next?.side ? old : next));
  }
  function drop() {
    const key = taken.current;
    stop();
    if (key === null || place === null) return;
    const { order } = engine.store.state;
    const from = order.findIndex((item) => item.key === key);
    const target = order.findIndex((item) => item.key === place.key) + (place.side === "after" ? 1 : 0);
    const to = order[from < target ? target - 1 : target];
    if (to) intents.move(key, to.key);
  }
  function stop() {
    taken.current = null;
    setPlace(null);
  }
  return {
    target: place?.key ?? null,
    side: place?.side ?? null,
    handlers: { onPointerDown: take, onPointerMove: drag, onPointerUp: drop, onPointerCancel: stop },
  };
}

function placeAt(event: PointerEvent, list: HTMLElement | null): Place | null {
  for (const row of list?.children ?? []) {
    const { top, bottom } = row.getBoundingClientRect();
    if (event.clientY < top || event.clientY >= bottom) continue;
    const side = event.clientY < (top + bottom) / 2 ? "before" : "after";
    return { key: (row as HTMLElement).dataset.key ?? "", side };
  }
  return null;
}
