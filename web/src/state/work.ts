/** The work of the one tab that talks to the server: it leads, rests when it cannot, and goes on when told. */

import { Leader, type Surroundings } from "../net/leader.ts";

export class Work {
  private leader: Leader | null = null;
  private readonly told = new EventTarget();

  constructor(
    private readonly around: Surroundings,
    private readonly onError: (error: unknown) => void,
  ) {}

  get isLeading(): boolean {
    return this.leader !== null;
  }

  /** Works until the signal ends it. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.leader = new Leader(this.around, signal);
      try {
        await this.leader.run();
      } catch (error) {
        this.onError(error); // a mistake of ours: shown, and tried again when somebody asks for it
      }
      this.leader = null;
      if (!signal.aborted) await this.rest(signal);
    }
  }

  /** There may be something to do; `news`: something to ask for. */
  poke(news = false): void {
    this.leader?.poke(news);
  }

  /** The session is good again, or somebody came back to the page. */
  goOn(): void {
    this.told.dispatchEvent(new Event("go on"));
  }

  private rest(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.told.addEventListener("go on", () => resolve(), { once: true, signal });
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }
}
