/** A form whose errors stand beside their fields. */

import type { ComponentChildren } from "preact";
import { useId, useRef, useState } from "preact/hooks";
import { t } from "../i18n/messages.ts";
import { Refused, Unreachable } from "../net/api.ts";
import { useApp } from "./context.ts";

/** What is wrong: by field, and with the whole ("form"). */
export type Errors = Readonly<Record<string, string>>;

interface FieldProps {
  readonly label: string;
  readonly name: string;
  readonly type?: "text" | "password";
  readonly autocomplete: string;
  readonly error?: string | undefined;
  readonly hint?: string;
  readonly value?: string;
  readonly autofocus?: boolean;
  readonly readOnly?: boolean;
}

export function TextField({
  label,
  name,
  type = "text",
  autocomplete,
  error,
  hint,
  value,
  autofocus,
  readOnly,
}: FieldProps) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        name={name}
        {...(type === "password" ? { type } : { type: "text" as const })}
        autocomplete={autocomplete}
        autocapitalize="none"
        spellcheck={false}
        required
        readOnly={readOnly ?? false}
        defaultValue={value ?? ""}
        autofocus={autofocus ?? false}
        aria-invalid={error ? "true" : "false"}
        aria-describedby={described || undefined}
      />
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error && (
        <p class="error" id={`${id}-error`}>
          {error}
        </p>
      )}
    </div>
  );
}

interface FormProps {
  readonly submit: string;
  readonly onSubmit: (values: Readonly<Record<string, string>>) => Promise<void>;
  readonly children: (errors: Errors) => ComponentChildren;
  readonly danger?: boolean;
  readonly label?: string;
}

/** Sends what was typed; what the server says against it appears beside the fields, and the first of them has the focus. */
export function Form({ submit, onSubmit, children, danger, label }: FormProps) {
  const { engine } = useApp();
  const [errors, setErrors] = useState<Errors>({});
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);

  async function send(event: SubmitEvent) {
    event.preventDefault();
    if (busy || form.current === null) return;
    const values = Object.fromEntries([...new FormData(form.current)].map(([name, value]) => [name, String(value)]));
    const missing = Object.entries(values).filter(([name, value]) => value === "" && isRequired(form.current, name));
    if (missing.length > 0) return show(Object.fromEntries(missing.map(([name]) => [name, t("error-empty")])));
    setBusy(true);
    try {
      await onSubmit(values);
      setErrors({});
    } catch (error) {
      if (error instanceof Refused && error.status === 401 && error.kind !== "wrong-credentials") engine.expire();
      else show(errorsOf(error, Object.keys(values)));
    } finally {
      setBusy(false);
    }
  }

  function show(found: Errors) {
    setErrors(found);
    const first = Object.keys(found).find((name) => name !== "form");
    // When the message is drawn, a screen reader reads it with the field.
    requestAnimationFrame(() => first && form.current?.querySelector<HTMLElement>(`[name="${first}"]`)?.focus());
  }

  return (
    <form ref={form} class="form" noValidate onSubmit={(event) => void send(event)} aria-label={label}>
      {children(errors)}
      <p class="error" role="alert">
        {errors.form}
      </p>
      <button type="submit" class={danger ? "button danger" : "button primary"} aria-disabled={busy}>
        {submit}
      </button>
    </form>
  );
}

function isRequired(form: HTMLFormElement | null, name: string): boolean {
  const field = form?.elements.namedItem(name);
  return field instanceof HTMLInputElement && field.required;
}

/** Returns what an error says, by field where it names one that the form has. */
export function errorsOf(error: unknown, fields: readonly string[]): Errors {
  if (error instanceof Unreachable) return { form: t(error.status === null ? "error-offline" : "error-busy") };
  if (!(error instanceof Refused)) return { form: error instanceof Error ? error.message : String(error) };
  const found = Object.fromEntries(
    fields.flatMap((name) => (error.field(name) ? [[name, error.field(name) as string]] : [])),
  );
  if (Object.keys(found).length > 0) return found;
  const known = BY_KIND[error.kind];
  if (known && fields.includes(known[0])) return { [known[0]]: t(known[1]) };
  if (error.status === 429)
    return { form: t("error-throttled", { seconds: Math.ceil((error.retryAfter ?? 1000) / 1000) }) };
  if (error.kind === "wrong-credentials") return { form: t("error-credentials") };
  if (error.kind === "reset-expired") return { form: t("error-reset") };
  return { form: error.message };
}

const BY_KIND: Readonly<Record<string, readonly [string, "error-taken" | "error-password"]>> = {
  "username-taken": ["username", "error-taken"],
  "wrong-password": ["currentPassword", "error-password"],
};
