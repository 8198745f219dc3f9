import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n/messages.ts";
import { preferences } from "../state/preferences.ts";
import { useApp } from "./context.ts";
import { SHORTCUTS } from "./keys.ts";

/** The list of keys. Closed by Escape, and the focus goes back to where it was: a dialog does that by itself. */
export function ShortcutsDialog() {
  const { engine } = useApp();
  const dialog = useRef<HTMLDialogElement>(null);
  const [on, setOn] = useState(preferences.keys);
  useEffect(() => dialog.current?.showModal(), []);
  function turn(value: boolean) {
    preferences.keys = value;
    setOn(value);
  }
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="shortcuts-title" onClose={() => engine.show({ dialog: null })}>
      <h2 id="shortcuts-title">{t("shortcuts")}</h2>
      <dl class="keys">
        {SHORTCUTS.map(({ shown, text }) => (
          <div key={text}>
            <dt>
              {shown.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{t(text)}</dd>
          </div>
        ))}
      </dl>
      <label class="switch">
        <input type="checkbox" class="check" checked={on} onChange={(event) => turn(event.currentTarget.checked)} />
        {t("keys-on")}
      </label>
      <button type="button" class="button primary" onClick={() => dialog.current?.close()}>
        {t("close")}
      </button>
    </dialog>
  );
}
