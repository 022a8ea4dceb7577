const units: Readonly<Record<string, number>> = { '': 1, B: 1, kB: 1e3, MB: 1e6, GB: 1e9 };

/** Whether waste keeps to a rule as `10%`, `20MB` or bytes. */
export function keepsTo(
  rule: string,
  { wastedBytes, wastedPercent }: Record<'wastedBytes' | 'wastedPercent', number>,
): boolean {
  const value = Number.parseFloat(rule);
  const unit = rule.replace(/^[\d.]+/, '');
  return unit === '%' ? wastedPercent <= value : wastedBytes <= value * (units[unit] ?? 1);
}
