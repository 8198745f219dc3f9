import { date, t } from "../../i18n/messages.ts";
import { endSession, type Session, sessions } from "../../net/accounts.ts";
import { useListing } from "./listing.ts";

/** Where the account is logged in; each can be ended from here. */
export function Sessions() {
  const { things, error, act } = useListing(sessions);
  return (
    <>
      {error && <p class="error">{error}</p>}
      <ul class="things">
        {things?.map((session) => (
          <li key={session.id}>
            <span>
              <b dir="auto">{deviceOf(session)}</b> {session.current && <span class="tag">{t("this-session")}</span>}
              <br />
              <small>
                {t("last-seen", {
                  when: date(new Date(session.lastSeenOn), { dateStyle: "medium", timeStyle: "short" }),
                })}
              </small>
            </span>
            {!session.current && (
              <button
                type="button"
                class="button"
                aria-label={t("end-session", { device: deviceOf(session) })}
                onClick={() => act(() => endSession(session.id))}
              >
                {t("end")}
              </button>
            )}
          </li>
        ))}
      </ul>
    </>
  );
}

const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/Edg\//, "Edge"],
  [/OPR\//, "Opera"],
  [/Firefox\//, "Firefox"],
  [/Chrom(e|ium)\//, "Chrome"],
  [/Safari\//, "Safari"],
];
const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/iPhone|iPad/, "iOS"],
  [/Android/, "Android"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "macOS"],
  [/Linux/, "Linux"],
];

/** Returns a browser's name and its system's for people; what is not known is shown as it was sent. */
function deviceOf({ userAgent }: Session): string {
  const find = (table: typeof BROWSERS) => table.find(([pattern]) => pattern.test(userAgent))?.[1];
  return [find(BROWSERS), find(SYSTEMS)].filter(Boolean).join(", ") || userAgent.slice(0, 80) || "—";
}
