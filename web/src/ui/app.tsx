/** What is on the screen, from the state. */

import { useEffect } from "preact/hooks";
import { t } from "../i18n/messages.ts";
import { routeOf } from "../state/route.ts";
import { AccountPage } from "./account/page.tsx";
import { useApp, useStore } from "./context.ts";
import { EntryScreen, ExpiredDialog } from "./entry.tsx";
import { Header } from "./header.tsx";
import { useKeys } from "./keys.ts";
import { Notices, Toaster } from "./notices.tsx";
import { ResetScreen } from "./reset.tsx";
import { ShortcutsDialog } from "./shortcuts.tsx";
import { TasksPage } from "./tasks.tsx";

export function Screen() {
  const ready = useStore((state) => state.ready);
  const account = useStore((state) => state.account);
  const reset = useStore((state) => state.reset);
  useStore((state) => state.language); // every text is another one when it changes
  if (!window.isSecureContext) return <Insecure />;
  if (!ready) return null;
  if (reset !== null) return <ResetScreen key={reset} secret={reset} />;
  return account === null ? (
    <>
      <EntryScreen />
      <Toaster />
    </>
  ) : (
    <Inside key={account.id} />
  );
}

function Inside() {
  const { engine } = useApp();
  const page = useStore((state) => state.route.page);
  const expired = useStore((state) => state.expired);
  const dialog = useStore((state) => state.dialog);
  useKeys();
  useEffect(() => {
    const follow = () => engine.show({ route: routeOf(location.hash), editing: engine.store.state.editing });
    follow();
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, [engine]);
  return (
    <>
      <Header />
      <Notices />
      {page === "account" ? <AccountPage /> : <TasksPage />}
      <Toaster />
      {dialog === "shortcuts" && <ShortcutsDialog />}
      {expired && <ExpiredDialog />}
    </>
  );
}

/** Over plain http from another machine a browser keeps neither our cookie nor a service worker. */
function Insecure() {
  return (
    <main class="card insecure">
      <h1>{t("insecure")}</h1>
      <p>{t("insecure-text", { host: location.host })}</p>
      <ul>
        <li>{t("insecure-here")}</li>
        <li>{t("insecure-tls")}</li>
        <li>{t("insecure-proxy")}</li>
      </ul>
    </main>
  );
}
