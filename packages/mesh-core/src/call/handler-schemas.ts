import { MeshError, type SchemaInput, type SchemaOutput, type StandardSchema } from '@lemur-bookstores/mesh-interface';
import type { HandlerContext } from './handlers.js';

/** What checks the input of a handler before it runs, and its result before it is sent. One of the two at least. */
export interface HandlerSchemas<Input extends StandardSchema = StandardSchema, Output extends StandardSchema = StandardSchema> {
  readonly input?: Input;
  readonly output?: Output;
}

/** A handler behind schemas: it gets what the input's schema gives, and returns what the output's takes. */
export type CheckedHandler<Input extends StandardSchema, Output extends StandardSchema> = (
  input: SchemaOutput<Input>,
  context: HandlerContext,
) => SchemaInput<Output> | Promise<SchemaInput<Output>>;

/**
 * The method of schemas as a caller of `connect<Api>()` declares it: it sends what the input's schema takes, and gets what the output's gives, as far
 * as JSON carries that.
 */
export type MethodOf<Schemas extends HandlerSchemas> = (
  input: Schemas extends { readonly input: infer Input extends StandardSchema } ? SchemaInput<Input> : unknown,
) => Schemas extends { readonly output: infer Output extends StandardSchema } ? SchemaOutput<Output> : unknown;

/** A schema's `validate`, bound to it. */
export type Check = (value: unknown) => unknown;

export interface Checks {
  readonly input: Check | undefined;
  readonly output: Check | undefined;
}

const KEYS = ['input', 'output'] as const;

/** @throws MeshError `invalid_option` with every problem, each by its path */
export function checksOf(method: string, schemas: unknown): Checks {
  const problems: string[] = [];
  const path = `handle('${method}')`;
  const found: { input?: Check; output?: Check } = {};
  // A schema itself is an object or, of arktype, a function.
  if (typeof schemas !== 'object' || schemas === null || '~standard' in schemas) problems.push(`${path}: must be given as { input: schema, output: schema }`);
  else {
    for (const key of Object.keys(schemas)) if (!(KEYS as readonly string[]).includes(key)) problems.push(`${path}.${key}: is not an option; known here: ${KEYS.join(', ')}`);
    for (const key of KEYS) {
      const schema: unknown = (schemas as HandlerSchemas)[key];
      if (schema === undefined) continue;
      const check = checkOf(schema);
      if (typeof check === 'string') problems.push(`${path}.${key}: ${check}`);
      else found[key] = check;
    }
    if (problems.length === 0 && found.input === undefined && found.output === undefined) problems.push(`${path}: needs a schema as input, output or both`);
  }
  if (problems.length > 0) throw new MeshError('invalid_option', problems.join('; '), { details: { problems } });
  return { input: found.input, output: found.output };
}

/** @returns what is wrong with a schema, or its check */
function checkOf(schema: unknown): Check | string {
  try {
    const standard: unknown = (schema as Partial<StandardSchema> | null)?.['~standard'];
    if (typeof standard !== 'object' || standard === null || typeof (standard as { validate?: unknown }).validate !== 'function') {
      return "has no '~standard'.validate(): a schema of a library that implements Standard Schema (https://standardschema.dev) is needed";
    }
    const { version } = standard as { readonly version?: unknown };
    if (version !== 1) return "has a '~standard'.version that is not 1, which is all that is known here";
    return (value) => (standard as StandardSchema['~standard']).validate(value);
  } catch {
    return "has a '~standard' that cannot be read";
  }
}
