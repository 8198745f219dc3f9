/** One state, changed by one function, heard by whoever subscribes. */

export class Store<State, Action> {
  private readonly listeners = new Set<() => void>();

  constructor(
    private current: State,
    private readonly reduce: (state: State, action: Action) => State,
  ) {}

  get state(): State {
    return this.current;
  }

  /** The one way in which the state changes. */
  dispatch(action: Action): void {
    const next = this.reduce(this.current, action);
    if (next === this.current) return;
    this.current = next;
    for (const listener of [...this.listeners]) listener();
  }

  /** Calls `listener` after each change. Returns what ends that. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
