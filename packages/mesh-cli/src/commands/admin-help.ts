/** What all commands that ask a mesh have in common, for their help. */
export const ADMIN_HELP = `
It asks the admin endpoint of a mesh, which has one by the option admin. Exit codes: 0 all is well, 1 it is not, or the mesh refused, 2 wrong command line, 3 nobody
answered there.`;
