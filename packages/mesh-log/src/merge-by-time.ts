import { timeOf, type LoggedEvent } from './logged-event.js';

interface Waiting {
  readonly events: AsyncGenerator<LoggedEvent, void, undefined>;
  readonly event: LoggedEvent;
  readonly time: number;
}

/** Joins the events of several logs, the oldest first. Each log keeps the order it has; at most one event of each is held. */
export async function* mergeByTime(logs: readonly AsyncGenerator<LoggedEvent, void, undefined>[]): AsyncGenerator<LoggedEvent, void, undefined> {
  if (logs.length <= 1) {
    for (const events of logs) yield* events;
    return;
  }
  try {
    const waiting: Waiting[] = [];
    for (const events of logs) await add(waiting, events, Number.NEGATIVE_INFINITY);
    while (waiting.length > 0) {
      const index = indexOfOldest(waiting);
      const { events, event, time } = waiting[index] as Waiting;
      yield event;
      await add(waiting, events, time, index);
    }
  } finally {
    for (const events of logs) await events.return();
  }
}

/** Puts the log's next event at `index`, or takes the log out there. One without a time is as old as the one before it. */
async function add(waiting: Waiting[], events: Waiting['events'], before: number, index = waiting.length): Promise<void> {
  const { value: event } = await events.next();
  if (event === undefined) {
    waiting.splice(index, 1);
    return;
  }
  const time = timeOf(event.event);
  waiting[index] = { events, event, time: Number.isNaN(time) ? before : time };
}

function indexOfOldest(waiting: readonly Waiting[]): number {
  let oldest = 0;
  for (let index = 1; index < waiting.length; index++) {
    if ((waiting[index] as Waiting).time < (waiting[oldest] as Waiting).time) oldest = index;
  }
  return oldest;
}
