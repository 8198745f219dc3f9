/** What is to be known beside the list: no network, a new version; and toasts, with their undo. */

import { useEffect } from "preact/hooks";
import { plural, t } from "../i18n/messages.ts";
import { reload } from "../net/updates.ts";
import type { Toast } from "../state/state.ts";
import { useApp, useStore } from "./context.ts";

const TOAST_TIME = 10_000; // ms; longer while somebody points at it or has the focus in it

export function Notices() {
  const connection = useStore((state) => state.connection);
  const unsent = useStore((state) => state.data.operations.size);
  const update = useStore((state) => state.update);
  const keeps = useStore((state) => state.keeps);
  return (
    <div class="notices" aria-live="polite">
      {connection !== "online" && (
        <p class="notice">
          {t(connection)} {unsent > 0 && plural("unsent", unsent)}
        </p>
      )}
      {!keeps && <p class="notice">{t("keeps-nothing")}</p>}
      {update && (
        <p class="notice">
          {t("new-version")}{" "}
          <button type="button" class="link" onClick={reload}>
            {t("reload")}
          </button>
        </p>
      )}
    </div>
  );
}

export function Toaster() {
  const { engine } = useApp();
  const toast = useStore((state) => state.toast);
  useEffect(() => {
    if (toast === null) return;
    let timer = 0;
    const wait = () => {
      timer = window.setTimeout(() => {
        if (document.querySelector(".toast:hover, .toast:focus-within")) wait();
        else engine.show({ toast: null });
      }, TOAST_TIME);
    };
    wait();
    return () => clearTimeout(timer);
  }, [toast, engine]);
  return (
    <div class="toaster" aria-live="polite">
      {toast && <ToastBox toast={toast} />}
    </div>
  );
}

function ToastBox({ toast }: { readonly toast: Toast }) {
  const { engine, intents } = useApp();
  const canUndo = toast.kind !== "error" && toast.kind !== "note";
  return (
    <div class={`toast ${toast.kind}`}>
      <span class="toast-text">{toastText(toast)}</span>
      {canUndo && (
        <button type="button" class="link" onClick={() => intents.undo()}>
          {t("undo")}
        </button>
      )}
      <button type="button" class="icon close" aria-label={t("dismiss")} onClick={() => engine.show({ toast: null })} />
    </div>
  );
}

function toastText(toast: Toast): string {
  switch (toast.kind) {
    case "removed":
      return toast.count === 1 ? t("removed", { name: toast.name }) : plural("removed-many", toast.count);
    case "done":
      return plural("marked-done", toast.count);
    case "todo":
      return plural("marked-todo", toast.count);
    default:
      return toast.text;
  }
}
