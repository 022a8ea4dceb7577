/** The version of this command, which is that of the workspace. */
export const version = '0.1.0';
