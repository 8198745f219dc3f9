import { useState } from "preact/hooks";
import { date, t } from "../../i18n/messages.ts";
import { makeToken, revokeToken, tokens } from "../../net/accounts.ts";
import { Form, TextField } from "../form.tsx";
import { type Listing, useListing } from "./listing.ts";

type Tokens = Listing<Awaited<ReturnType<typeof tokens>>[number]>;

/** Tokens for programs. A new one is shown this once. */
export function Tokens() {
  const listing = useListing(tokens);
  const [fresh, setFresh] = useState<string | null>(null);
  return (
    <>
      <p>{t("tokens-text")}</p>
      {listing.error && <p class="error">{listing.error}</p>}
      <ul class="things">
        {listing.things?.map((token) => (
          <li key={token.id}>
            <span>
              <b dir="auto">{token.name}</b>{" "}
              <span class="tag">{t(token.scopes.includes("tasks:write") ? "read-write" : "read-only")}</span>
              <br />
              <small>
                {token.lastUsedOn === null
                  ? t("never-used")
                  : t("last-used", { when: date(new Date(token.lastUsedOn), { dateStyle: "medium" }) })}
                {token.expiresOn &&
                  ` · ${t("expires", { when: date(new Date(token.expiresOn), { dateStyle: "medium" }) })}`}
              </small>
            </span>
            <button
              type="button"
              class="button"
              aria-label={t("revoke-token", { name: token.name })}
              onClick={() => listing.act(() => revokeToken(token.id))}
            >
              {t("revoke")}
            </button>
          </li>
        ))}
      </ul>
      {fresh && (
        <div class="fresh" role="alert">
          <p>{t("token-once")}</p>
          <code>{fresh}</code>
        </div>
      )}
      <NewToken listing={listing} onToken={setFresh} />
    </>
  );
}

function NewToken({ listing, onToken }: { readonly listing: Tokens; readonly onToken: (token: string) => void }) {
  const [count, setCount] = useState(0);
  async function make({ name = "", scope = "", expires = "" }: Readonly<Record<string, string>>) {
    const scopes = scope === "write" ? ["tasks:read", "tasks:write"] : ["tasks:read"];
    const expiresOn = expires === "" ? {} : { expiresOn: new Date(`${expires}T23:59:59`).toISOString() };
    const { token } = await makeToken({ name: name.trim(), scopes, ...expiresOn });
    onToken(token);
    setCount(count + 1); // an empty form again
    listing.act(async () => undefined);
  }
  return (
    <Form key={count} submit={t("new-token")} onSubmit={make} label={t("new-token")}>
      {(errors) => (
        <>
          <TextField label={t("token-name")} name="name" autocomplete="off" error={errors.name} />
          <div class="field">
            <label for="token-scope">{t("token-scope")}</label>
            <select id="token-scope" name="scope">
              <option value="read">{t("read-only")}</option>
              <option value="write">{t("read-write")}</option>
            </select>
          </div>
          <div class="field">
            <label for="token-expires">{t("token-expires")}</label>
            <input id="token-expires" type="date" name="expires" />
          </div>
        </>
      )}
    </Form>
  );
}
