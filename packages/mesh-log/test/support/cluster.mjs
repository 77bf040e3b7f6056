// Run by writer-lock.test.ts: two workers claim one folder, then the one that got it is killed.
import cluster from 'node:cluster';
import { claimWriterLock } from '../../dist/index.js';

if (cluster.isPrimary) {
  const answers = [];
  let owner;
  for (let count = 0; count < 2; count++) {
    const worker = cluster.fork();
    worker.on('message', (answer) => {
      answers.push(answer);
      if (answer === 'held') owner = worker;
      if (answers.length === 2) console.log(answers.join(' '));
    });
  }
  process.on('SIGUSR2', () => {
    owner.on('exit', () => console.log('ended'));
    owner.process.kill('SIGKILL');
  });
} else {
  process.send((await claimWriterLock(process.argv[2])) === undefined ? 'refused' : 'held');
  setInterval(() => {}, 1e6);
}
