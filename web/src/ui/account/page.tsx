/** The account: name, password, sessions, tokens, files, language, the end of it. */

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { t } from "../../i18n/messages.ts";
import { changeAccount, deleteAccount } from "../../net/accounts.ts";
import { useApp, useStore } from "../context.ts";
import { Form, TextField } from "../form.tsx";
import { LanguageChoice } from "../language.tsx";
import { Files } from "./files.tsx";
import { Sessions } from "./sessions.tsx";
import { Tokens } from "./tokens.tsx";

export function AccountPage() {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <main class="settings">
      <p>
        <a href="#/">{t("back")}</a>
      </p>
      <h2 ref={heading} tabIndex={-1}>
        {t("settings")}
      </h2>
      <Section title={t("language")}>
        <LanguageChoice />
      </Section>
      <Section title={t("files")}>
        <Files />
      </Section>
      <Section title={t("change-username")}>
        <ChangeUsername />
      </Section>
      <Section title={t("change-password")}>
        <ChangePassword />
      </Section>
      <Section title={t("sessions")}>
        <Sessions />
      </Section>
      <Section title={t("tokens")}>
        <Tokens />
      </Section>
      <Section title={t("delete-account")}>
        <DeleteAccount />
      </Section>
    </main>
  );
}

function Section({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  const id = useId();
  return (
    <section class="card" aria-labelledby={id}>
      <h3 id={id}>{title}</h3>
      {children}
    </section>
  );
}

function CurrentPassword({ error }: { readonly error: string | undefined }) {
  return (
    <TextField
      label={t("current-password")}
      name="currentPassword"
      type="password"
      autocomplete="current-password"
      error={error}
    />
  );
}

/** Password managers learn here whose password it is. */
function HiddenUsername() {
  const username = useStore((state) => state.account?.username ?? "");
  return <input type="text" autocomplete="username" value={username} readOnly hidden />;
}

function ChangeUsername() {
  const { engine } = useApp();
  const username = useStore((state) => state.account?.username ?? "");
  async function change({ username: wanted = "", currentPassword = "" }: Readonly<Record<string, string>>) {
    await engine.replace(await changeAccount({ currentPassword, username: wanted.trim() }));
    engine.show({ toast: { kind: "note", text: t("username-changed") } });
  }
  return (
    <Form key={username} submit={t("change-username")} onSubmit={change}>
      {(errors) => (
        <>
          <TextField
            label={t("new-username")}
            name="username"
            autocomplete="username"
            value={username}
            error={errors.username}
          />
          <CurrentPassword error={errors.currentPassword} />
        </>
      )}
    </Form>
  );
}

function ChangePassword() {
  const { engine } = useApp();
  async function change({ currentPassword = "", password = "" }: Readonly<Record<string, string>>) {
    await changeAccount({ currentPassword, password });
    engine.show({ toast: { kind: "note", text: t("password-changed") } });
  }
  return (
    <Form submit={t("change-password")} onSubmit={change}>
      {(errors) => (
        <>
          <HiddenUsername />
          <CurrentPassword error={errors.currentPassword} />
          <TextField
            label={t("new-password")}
            name="password"
            type="password"
            autocomplete="new-password"
            error={errors.password}
            hint={t("password-hint")}
          />
        </>
      )}
    </Form>
  );
}

function DeleteAccount() {
  const { engine } = useApp();
  async function end({ currentPassword = "" }: Readonly<Record<string, string>>) {
    await engine.ending(() => deleteAccount(currentPassword));
    location.hash = "#/";
  }
  return (
    <>
      <p>{t("delete-account-text")}</p>
      <Form submit={t("delete-account")} onSubmit={end} danger>
        {(errors) => (
          <>
            <HiddenUsername />
            <CurrentPassword error={errors.currentPassword} />
          </>
        )}
      </Form>
    </>
  );
}
