/** Before the list: login and signup; and the password asked for again when a session ran out. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { plural, t } from "../i18n/messages.ts";
import { login, signup } from "../net/accounts.ts";
import { settled } from "../net/owed-logout.ts";
import { leaveHash } from "../state/route.ts";
import { useApp, useStore } from "./context.ts";
import { Form, TextField } from "./form.tsx";
import { LanguageChoice } from "./language.tsx";

type Way = "login" | "signup";

/** The form of the hash: `#/signup` or, by default, login. */
function wayOf(hash: string): Way {
  return hash.startsWith("#/signup") ? "signup" : "login";
}

export function EntryScreen() {
  const [way, setWay] = useState<Way>(wayOf(location.hash));
  useEffect(() => {
    const change = () => setWay(wayOf(location.hash));
    addEventListener("hashchange", change);
    return () => removeEventListener("hashchange", change);
  }, []);
  return (
    <EntryFrame>
      <EntryForm key={way} way={way} />
    </EntryFrame>
  );
}

/** What surrounds the forms of somebody who is not inside. */
export function EntryFrame({ children }: { readonly children: ComponentChildren }) {
  return (
    <div class="entry">
      <header class="entry-head">
        <span class="logo" aria-hidden="true" />
        <h1>{t("title")}</h1>
        <p>{t("claim")}</p>
      </header>
      <main class="card">{children}</main>
      <footer class="entry-foot">
        <LanguageChoice />
      </footer>
    </div>
  );
}

function EntryForm({ way }: { readonly way: Way }) {
  const { engine } = useApp();
  const passwordSet = useStore((state) => state.passwordSet);
  const isLogin = way === "login";
  async function enter({ username = "", password = "" }: Readonly<Record<string, string>>) {
    await settled();
    const account = await (isLogin ? login : signup)({ username: username.trim(), password });
    if (location.hash.startsWith("#/signup")) leaveHash();
    await engine.enter(account);
  }
  return (
    <>
      <h2>{t(isLogin ? "login" : "signup")}</h2>
      {isLogin && passwordSet && <p role="status">{t("password-set")}</p>}
      <Form submit={t(isLogin ? "login" : "signup")} onSubmit={enter} label={t(isLogin ? "login" : "signup")}>
        {(errors) => (
          <>
            <TextField
              label={t("username")}
              name="username"
              autocomplete="username"
              error={errors.username}
              autofocus
            />
            <TextField
              label={t("password")}
              name="password"
              type="password"
              autocomplete={isLogin ? "current-password" : "new-password"}
              error={errors.password}
              {...(!isLogin && { hint: t("password-hint") })}
            />
          </>
        )}
      </Form>
      <p class="other-way">
        {t(isLogin ? "no-account" : "have-account")}{" "}
        <a href={isLogin ? "#/signup" : "#/"}>{t(isLogin ? "signup" : "login")}</a>
      </p>
    </>
  );
}

/** Over whatever is on the screen, which stays as it is. */
export function ExpiredDialog() {
  const { engine } = useApp();
  const account = useStore((state) => state.account);
  const unsent = useStore((state) => state.data.operations.size);
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  async function enter({ password = "" }: Readonly<Record<string, string>>) {
    await engine.enter(await login({ username: account?.username ?? "", password }));
  }
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="expired-title" onCancel={(event) => event.preventDefault()}>
      <h2 id="expired-title">{t("expired")}</h2>
      <p>{t("expired-text")}</p>
      <Form submit={t("login")} onSubmit={enter}>
        {(errors) => (
          <>
            <TextField
              label={t("username")}
              name="username"
              autocomplete="username"
              value={account?.username ?? ""}
              readOnly
            />
            <TextField
              label={t("password")}
              name="password"
              type="password"
              autocomplete="current-password"
              error={errors.password}
              autofocus
            />
          </>
        )}
      </Form>
      <p class="other-way">
        {unsent > 0 && <span class="warning">{plural("unsent", unsent)} </span>}
        <button type="button" class="link" onClick={() => void engine.leave()}>
          {t("logout-instead")}
        </button>
      </p>
    </dialog>
  );
}
