import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { plural, t } from "../i18n/messages.ts";
import { useApp, useRun, useStore } from "./context.ts";

export function Header() {
  return (
    <header class="top">
      <h1>
        <a href="#/">
          <span class="logo" aria-hidden="true" />
          {t("title")}
        </a>
      </h1>
      <AccountMenu />
    </header>
  );
}

function AccountMenu() {
  const { engine } = useApp();
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const username = useStore((state) => state.account?.username ?? "");

  useEffect(() => {
    if (!open) return;
    const leave = (event: Event) => {
      if (event.target instanceof Node && !box.current?.contains(event.target)) setOpen(false);
    };
    document.addEventListener("pointerdown", leave);
    document.addEventListener("focusin", leave);
    const close = () => setOpen(false);
    addEventListener("hashchange", close);
    return () => {
      document.removeEventListener("pointerdown", leave);
      document.removeEventListener("focusin", leave);
      removeEventListener("hashchange", close);
    };
  }, [open]);

  function closeOnEscape(event: KeyboardEvent) {
    if (event.key !== "Escape" || !open) return;
    setOpen(false);
    button.current?.focus();
  }

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape closes from wherever in the menu the focus is
    <div class="menu" ref={box} onKeyDown={closeOnEscape}>
      <button
        type="button"
        ref={button}
        class="round"
        aria-label={t("account")}
        aria-expanded={open}
        aria-controls="account-menu"
        onClick={() => setOpen(!open)}
      >
        <span aria-hidden="true">{[...username][0]?.toUpperCase()}</span>
      </button>
      <div class="menu-box" id="account-menu" hidden={!open}>
        <p class="menu-name">{username}</p>
        <a href="#/account" class="menu-item">
          {t("settings")}
        </a>
        <button
          type="button"
          class="menu-item"
          onClick={() => {
            setOpen(false);
            engine.show({ dialog: "shortcuts" });
          }}
        >
          {t("shortcuts")}
        </button>
        {open && <LogoutButton />}
      </div>
    </div>
  );
}

/**
 * Waits for what has not been sent, for that would be lost, and says so; then it goes by itself. Who leaves the menu
 * stays.
 */
function LogoutButton() {
  const { engine } = useApp();
  const run = useRun();
  const unsent = useStore((state) => state.data.operations.size);
  const [waits, setWaits] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const leave = () => run(() => engine.leave());
  const isSent = unsent === 0;

  useEffect(() => {
    if (waits && isSent) leave();
  }, [waits, isSent]);
  // The button that had the focus is gone; Escape and Tab go on from what took its place.
  useLayoutEffect(() => {
    if (waits) box.current?.focus();
  }, [waits]);

  if (waits) {
    return (
      <div class="menu-ask" role="alert" tabIndex={-1} ref={box}>
        <p>
          {plural("logout-unsent", unsent)} {t("logout-waits")}
        </p>
        <button type="button" class="button danger" onClick={leave}>
          {t("logout-anyway")}
        </button>
      </div>
    );
  }
  return (
    <button type="button" class="menu-item" onClick={() => (isSent ? leave() : setWaits(true))}>
      {t("logout")}
    </button>
  );
}
