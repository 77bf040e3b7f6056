/** Where a process of a {@link FaultyNetwork} runs and is reached. */
export interface Place {
  /** What stands before its command. */
  readonly prefix: readonly string[];
  /** Address to listen on. */
  readonly host: string;
}

/** Between a caller and the instances of a service: carries what they send, until a test tells it not to. */
export interface FaultyNetwork<Fault extends string = string> {
  readonly caller: Place;
  readonly instances: readonly Place[];
  /** Where the caller reaches an instance that listens on a port. Called once for each. */
  reach(instance: number, port: number): Promise<{ readonly host: string; readonly port: number }>;
  /** From now on, until it is healed, the way to that instance and back has this fault. */
  inflict(instance: number, fault: Fault): void;
  heal(instance: number): void;
  close(): Promise<void>;
}
