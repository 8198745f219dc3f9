/** The form for a new password, which a one-time link leads to. */

import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n/messages.ts";
import { resetPassword } from "../net/accounts.ts";
import type { Engine } from "../state/engine.ts";
import { leaveHash, resetOf } from "../state/route.ts";
import { useApp, useStore } from "./context.ts";
import { EntryFrame } from "./entry.tsx";
import { Form, TextField } from "./form.tsx";

/** Takes the secret of a one-time link out of the address, now and whenever such a link is opened in this tab. */
export function watchResetLinks(engine: Engine): void {
  const take = () => {
    const reset = resetOf(location.hash);
    if (reset === null) return;
    leaveHash(); // so that nobody finds the link in the address bar or the history
    engine.show({ reset });
  };
  take();
  addEventListener("hashchange", take);
}

export function ResetScreen({ secret }: { readonly secret: string }) {
  const { engine } = useApp();
  const isLoggedIn = useStore((state) => state.account !== null);
  const top = useRef<HTMLDivElement>(null);
  useEffect(() => top.current?.querySelector("input")?.focus(), []);

  async function set({ password = "" }: Readonly<Record<string, string>>) {
    await resetPassword({ token: secret, password });
    if (isLoggedIn) engine.show({ reset: null, toast: { kind: "note", text: t("password-set") } });
    else engine.show({ reset: null, passwordSet: true });
  }

  return (
    <EntryFrame>
      <div ref={top}>
        <h2>{t("set-password")}</h2>
        <Form submit={t("set-password")} onSubmit={set} label={t("set-password")}>
          {(errors) => (
            <TextField
              label={t("new-password")}
              name="password"
              type="password"
              autocomplete="new-password"
              error={errors.password}
              hint={t("password-hint")}
            />
          )}
        </Form>
        <p class="other-way">
          <button type="button" class="link" onClick={() => engine.show({ reset: null })}>
            {t("cancel")}
          </button>
        </p>
      </div>
    </EntryFrame>
  );
}
