/** Asks the server what has changed, and takes it into what is known here. */

import { type Change, type Data, told } from "../model/data.ts";
import type { News } from "./tasks.ts";

/**
 * Returns the change that a page of news makes.
 * @param listed ids that a listing from the start has told so far; null when this is not one.
 */
export function changeOf(data: Data, news: News, listed: ReadonlySet<string> | null): Change {
  const entries = [
    ...news.tasks.map((task) => told(data, task.id, task.version, task)),
    ...news.removed.map(({ id, version }) => told(data, id, version, null)),
  ];
  // A listing that is cut short (the page is closed) begins anew: only its end says what is gone.
  if (listed !== null && news.more) return { entries };
  const forget = listed === null ? [] : unlisted(data, listed);
  return { entries, forget, sync: news.sync, ...(!news.more && { complete: true }) };
}

/** After a whole listing: what it did not tell, the server does not have. What is on its way there may be made again. */
function unlisted(data: Data, listed: ReadonlySet<string>): string[] {
  return [...data.entries.values()].filter(({ id }) => id !== null && !listed.has(id)).map(({ key }) => key);
}

/** Follows the pages of news, one at a time, so that sending can go on between them. */
export class Follower {
  /** While a listing from the start is under way: what it has told so far, and where it goes on. */
  private listing: { readonly told: Set<string>; readonly cursor: string | null } | null = null;

  constructor(
    private readonly data: () => Data,
    private readonly apply: (change: Change) => Promise<void>,
    private readonly ask: (since: string | null) => Promise<News>,
  ) {}

  /** Asks for one page and takes it. Returns whether there is more. */
  async next(): Promise<boolean> {
    const since = this.listing ? this.listing.cursor : this.data().sync;
    const news = await this.ask(since);
    const told = news.reset || since === null ? new Set<string>() : (this.listing?.told ?? null);
    for (const { id } of [...news.tasks, ...news.removed]) told?.add(id);
    await this.apply(changeOf(this.data(), news, told));
    this.listing = told !== null && news.more ? { told, cursor: news.sync } : null;
    return news.more;
  }
}
