// `npm start`: three services, each in a process of its own, under load; one gets company, one fails, one is killed, one is asked for too much, one is
// impersonated. This process starts them, shows what they tell, and judges in the end. The services themselves are in services/, and need nothing of this.
import { Interruption } from './interruption.mjs';
import { Narrator } from './narrator.mjs';
import { HELP, parseOptions } from './options.mjs';
import { Play } from './play.mjs';
import { Screen } from './screen.mjs';
import { Stage } from './stage.mjs';
import { printSummary } from './summary.mjs';
import { judge } from './verdict.mjs';

/** Somebody pressed Ctrl-C. */
const INTERRUPTED = Symbol('interrupted');
const EXIT_INTERRUPTED = 130;

const options = readOptions();
const screen = new Screen(process.stdout);
const stage = new Stage(options);
const narrator = new Narrator(screen, stage);
const interruption = new Interruption();
const play = new Play({ stage, narrator, interruption, options });

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(name, () => {
    // Twice means: now.
    if (interruption.reason === INTERRUPTED) process.exit(EXIT_INTERRUPTED);
    interruption.raise(INTERRUPTED);
  });
}
process.on('exit', () => narrator.end());
// `npm start | head`: whoever read has gone.
process.stdout.on('error', () => process.exit(1));
stage.onLoss = ({ name, pid, exit }) => interruption.raise(new Error(`${name} (pid ${pid}) ended unexpectedly: ${exit.signal ?? `exit ${exit.code}`}`));
if (options.verbose) stage.onLogLine = (line) => narrator.detail(line);

process.exitCode = await run();

/** @returns the exit code: 0 only if what the demo claims did happen */
async function run() {
  let trouble;
  let played = false;
  try {
    await play.open();
    await play.rotateKeys();
    await play.lookFromOutside();
    await play.throwOutAThief();
    await play.resilience.addAnInstance();
    await play.resilience.breakTheDatabase();
    await play.loseAService();
    await play.resilience.limitACrawler();
    await play.underAttack();
    played = true;
    if (options.keep) await play.keepRunning();
  } catch (error) {
    if (error !== INTERRUPTED) trouble = error;
  }
  narrator.news(played || trouble !== undefined ? 'closing: the gateway first, then the others' : 'interrupted: closing');
  await stage.stopAll();
  narrator.endFigures();
  if (played) {
    try {
      await play.examineTheTrails();
      await play.reportOnKeys();
    } catch (error) {
      trouble ??= error;
    }
  }
  narrator.end();
  if (trouble !== undefined) return fail(trouble.message);
  if (!played) return EXIT_INTERRUPTED;
  const claims = judge(stage, play);
  printSummary(screen, stage, play, claims);
  const broken = claims.filter(({ holds }) => !holds).length;
  if (broken > 0) return fail(`${broken} of ${claims.length} claims did not hold.`);
  screen.print(`The report about the keys is kept: ${play.report.files.html}`);
  screen.print(screen.style('green', 'All of this was measured and checked in this run.'));
  screen.print('Your own first call takes 20 lines: README.md');
  return 0;
}

function fail(message) {
  for (const line of stage.logLines) screen.print(`  ${screen.style('dim', line)}`);
  screen.print(screen.style('red', `✗ ${message}`));
  return 1;
}

function readOptions() {
  try {
    const read = parseOptions(process.argv.slice(2));
    if (!read.help) return read;
    console.log(HELP);
    process.exit(0);
  } catch (error) {
    console.error(`${error.message}\n\n${HELP}`);
    process.exit(2);
  }
}
