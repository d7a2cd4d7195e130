/**
 * ISO 4217 codes as the JavaScript engine's locale data lists them, without those that name no
 * money: XXX (no currency) and XTS (for tests).
 */
const CURRENCIES: ReadonlySet<string> = new Set(
  Intl.supportedValuesOf('currency').filter((code) => code !== 'XXX' && code !== 'XTS'),
)

/** The code in upper case, or '' where it is not a currency's. */
export function currencyOf(text: string): string {
  if (CURRENCIES.has(text)) return text
  const upper = text.length === 3 ? text.toUpperCase() : ''
  return CURRENCIES.has(upper) ? upper : ''
}
