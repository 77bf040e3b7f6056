#!/usr/bin/env node
import { processIo } from './process-io.js';
import { runProgram } from './program.js';

void runProgram(process.argv.slice(2), processIo).then((code) => void (process.exitCode = code));
