/** The release of this server, as clients see it. */
export const serverVersion = '0.1.0';
