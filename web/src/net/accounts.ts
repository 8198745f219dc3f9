/** Accounts, sessions and tokens, as the API has them. */

import { request } from "./api.ts";

export interface Account {
  readonly id: string;
  readonly username: string;
  readonly createdOn: string;
}

export interface Session {
  readonly id: string;
  readonly createdOn: string;
  readonly lastSeenOn: string;
  readonly userAgent: string;
  readonly current: boolean;
}

export interface Token {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly createdOn: string;
  readonly expiresOn: string | null;
  readonly lastUsedOn: string | null;
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export type AccountChange = {
  readonly currentPassword: string;
  readonly username?: string;
  readonly password?: string;
};
export type NewToken = { readonly name: string; readonly scopes: readonly string[]; readonly expiresOn?: string };

export const signup = (body: Credentials) => request<Account>("POST", "/accounts", { body });
export const login = (body: Credentials) => request<Account>("POST", "/session", { body });
/** Sets a new password, by the secret of a one-time link. */
export const resetPassword = (body: { readonly token: string; readonly password: string }) =>
  request<void>("POST", "/password-reset", { body });
export const logout = () => request<void>("DELETE", "/session");
export const account = () => request<Account>("GET", "/account");
export const changeAccount = (body: AccountChange) => request<Account>("PATCH", "/account", { body });
export const deleteAccount = (currentPassword: string) =>
  request<void>("DELETE", "/account", { body: { currentPassword } });
export const sessions = async () => (await request<{ sessions: readonly Session[] }>("GET", "/sessions")).sessions;
export const endSession = (id: string) => request<void>("DELETE", `/sessions/${encodeURIComponent(id)}`);
export const tokens = async () => (await request<{ tokens: readonly Token[] }>("GET", "/tokens")).tokens;
export const makeToken = (body: NewToken) => request<Token & { readonly token: string }>("POST", "/tokens", { body });
export const revokeToken = (id: string) => request<void>("DELETE", `/tokens/${encodeURIComponent(id)}`);
