/** What Go prints for no time at all. */
export const zeroTime = '0001-01-01T00:00:00Z';

/** An RFC 3339 time as Go prints it: no zeros at the end of the fraction, `Z` for no offset. */
export function goTime(text: string): string {
  return text
    .replace(/\.(\d*?)0*(?=Z|[+-])/, (_, digits: string) => (digits === '' ? '' : `.${digits}`))
    .replace(/[+-]00:00$/, 'Z');
}

/** Unix seconds, as lists have them; 0 for none. */
export function unixSeconds(text: string | null): number {
  return text === null ? 0 : Math.floor(Date.parse(text) / 1000);
}
