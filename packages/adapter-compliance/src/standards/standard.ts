/** A requirement of a standard, in our own words: what a report about keys can say about it, and what it cannot. */
export interface Requirement {
  /** Its number in the present version. */
  readonly id: string;
  /** Numbers of the same requirement in other versions. */
  readonly otherIds: readonly OtherId[];
  readonly title: string;
  /** What of a report speaks to it. */
  readonly evidence: readonly string[];
  /** What it asks for beyond that. */
  readonly outside: readonly string[];
}

/** A requirement's number in another version of its standard. */
export interface OtherId {
  readonly version: string;
  readonly id: string;
}

/** What a report is made for: one file for each. */
export interface Standard {
  /** As the option `standard` names it. */
  readonly id: string;
  readonly name: string;
  /** The version that the numbers belong to. */
  readonly version: string;
  /** What the reader of any report for this standard has to know. */
  readonly notes: readonly string[];
  readonly requirements: readonly Requirement[];
}
