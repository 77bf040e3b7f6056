// Says which real servers are missing, one a line: what Nx asks before it takes the results of an earlier run, and `.ci/run` at its end.
import { missingElasticsearch } from './elasticsearch-distribution.mjs';
import { missingPrograms } from './programs.mjs';

const elasticsearch = missingElasticsearch();
for (const line of [...missingPrograms(), ...(elasticsearch === undefined ? [] : [`Elasticsearch (${elasticsearch})`])]) console.log(line);
