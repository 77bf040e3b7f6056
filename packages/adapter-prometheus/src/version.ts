/** Version of this package, for the User-Agent of its requests; a test keeps it equal to package.json. */
export const VERSION = '0.1.0';
