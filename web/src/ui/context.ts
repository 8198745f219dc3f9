/** How components come to the state, and to what a person can do. */

import { createContext } from "preact";
import { useContext, useLayoutEffect, useReducer, useRef } from "preact/hooks";
import type { Engine } from "../state/engine.ts";
import type { Intents } from "../state/intents.ts";
import type { State } from "../state/state.ts";

export interface App {
  readonly engine: Engine;
  readonly intents: Intents;
}

export const AppContext = createContext<App | null>(null);

export function useApp(): App {
  const app = useContext(AppContext);
  if (app === null) throw new Error("a component outside of the app");
  return app;
}

/** Returns a part of the state; the component is drawn again when that part is another one. */
export function useStore<Part>(select: (state: State) => Part): Part {
  const { store } = useApp().engine;
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const part = select(store.state);
  const last = useRef({ part, select });
  last.current = { part, select };
  useLayoutEffect(() => {
    const check = () => {
      if (last.current.select(store.state) !== last.current.part) redraw(undefined);
    };
    check(); // it may have changed between drawing and this
    return store.subscribe(check);
  }, [store]);
  return part;
}

/** Calls what may fail, and shows the failure. */
export function useRun(): (action: () => Promise<unknown>) => void {
  const { engine } = useApp();
  return (action) => {
    action().catch((error: unknown) => engine.fail(error));
  };
}
