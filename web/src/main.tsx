/** Begins: the language, the state, the screen, the service worker. */

import { render } from "preact";
import { begin } from "./i18n/messages.ts";
import { watchUpdates } from "./net/updates.ts";
import { drafts } from "./state/drafts.ts";
import { Engine } from "./state/engine.ts";
import { Intents } from "./state/intents.ts";
import { Screen } from "./ui/app.tsx";
import { AppContext } from "./ui/context.ts";
import { watchResetLinks } from "./ui/reset.tsx";

async function main(): Promise<void> {
  const engine = new Engine();
  watchResetLinks(engine); // before anything that takes time
  engine.show({ language: await begin() });
  const root = document.getElementById("page");
  if (root === null) throw new Error("the page has no place for the app");
  const app = { engine, intents: new Intents(engine) };
  const draw = () =>
    render(
      <AppContext.Provider value={app}>
        <Screen />
      </AppContext.Provider>,
      root,
    );
  if (!window.isSecureContext) return draw();
  await engine.start();
  engine.show({ editing: drafts.editing });
  draw();
  addEventListener("unhandledrejection", (event) => engine.fail(event.reason));
  await watchUpdates(() => engine.show({ update: true }));
}

main().catch((error: unknown) => {
  // Nothing can be drawn: say at least what happened.
  document.body.textContent = `Tasks could not start: ${error instanceof Error ? error.message : String(error)}`;
});
