import { INTENT } from './session-chain.ts'
import type { Random } from './random.ts'
import type { Campaign, SessionContext, Shopper } from './shopper.ts'

const DEVICES = [
  {
    type: 'mobile',
    os: 'iOS',
    userAgent:
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1',
  },
  {
    type: 'mobile',
    os: 'Android',
    userAgent:
      'Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36',
  },
  {
    type: 'desktop',
    os: 'Windows',
    userAgent:
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36',
  },
  {
    type: 'desktop',
    os: 'macOS',
    userAgent:
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 14.7; rv:133.0) Gecko/20100101 Firefox/133.0',
  },
  {
    type: 'tablet',
    os: 'iPadOS',
    userAgent:
      'Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1',
  },
].map(({ type, os, userAgent }) => ({ userAgent, device: { type }, os: { name: os } }))
const BOTS = [
  { userAgent: 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)' },
  { userAgent: 'Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)' },
  { userAgent: 'Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)' },
].map(({ userAgent }) => ({ userAgent, device: { type: 'server' }, os: { name: 'Linux' } }))
const PLACES = [
  ['AT', 'Vienna', 'de-AT'],
  ['AT', 'Graz', 'de-AT'],
  ['BE', 'Ghent', 'nl-BE'],
  ['CH', 'Zurich', 'de-CH'],
  ['CH', 'Geneva', 'fr-CH'],
  ['DE', 'Berlin', 'de-DE'],
  ['DE', 'Hamburg', 'de-DE'],
  ['DE', 'Munich', 'de-DE'],
  ['DE', 'Cologne', 'de-DE'],
  ['ES', 'Madrid', 'es-ES'],
  ['FR', 'Paris', 'fr-FR'],
  ['FR', 'Lyon', 'fr-FR'],
  ['IT', 'Milan', 'it-IT'],
  ['NL', 'Utrecht', 'nl-NL'],
  ['PL', 'Krakow', 'pl-PL'],
].map(([country, city, locale]) => ({ locale, location: { country, city } }))

/** Where a visit came from. */
export interface Source {
  readonly referrer: string
  readonly domain: string
  readonly campaign: Campaign | undefined
}

const DIRECT: Source = { referrer: '', domain: '', campaign: undefined }
const SEARCH_ENGINE: Source = {
  referrer: 'https://www.google.com/',
  domain: 'www.google.com',
  campaign: undefined,
}
const SEARCH_AD: Source = {
  ...SEARCH_ENGINE,
  campaign: { source: 'google', medium: 'cpc', name: 'brand-search' },
}
const SOCIAL: Source = {
  referrer: 'https://www.instagram.com/',
  domain: 'www.instagram.com',
  campaign: { source: 'instagram', medium: 'social', name: 'new-arrivals' },
}
const NEWSLETTER: Source = {
  referrer: 'https://mail.example/',
  domain: 'mail.example',
  campaign: { source: 'newsletter', medium: 'email', name: 'weekly-deals' },
}
const REMINDER: Source = {
  referrer: 'https://mail.example/',
  domain: 'mail.example',
  campaign: { source: 'reminder', medium: 'email', name: 'cart-reminder' },
}
const SOURCES = [DIRECT, SEARCH_ENGINE, SEARCH_AD, SOCIAL, NEWSLETTER, REMINDER]
/** Chances of {@link SOURCES} by intent. */
const SOURCE_CHANCES: readonly (readonly number[])[] = [
  [0.25, 0.25, 0.1, 0.35, 0.05, 0],
  [0.15, 0.1, 0.1, 0.1, 0.55, 0],
  [0.25, 0.5, 0.2, 0.03, 0.02, 0],
  [0.55, 0.2, 0.2, 0.02, 0.03, 0],
  [0.4, 0.05, 0.05, 0, 0, 0.5],
  [1, 0, 0, 0, 0, 0],
  [1, 0, 0, 0, 0, 0],
]

export function sourceOf(intent: number, random: Random): Source {
  return SOURCES[random.choose(SOURCE_CHANCES[intent])]
}

/** What all events of a visit have in common; the same device always looks the same. */
export function contextOf(
  shopper: Shopper,
  visit: { device: number; campaign: Campaign | undefined },
): SessionContext {
  const place = placeOf(shopper.index)
  const spread = scatter(shopper.index * 4 + visit.device)
  const machine = shopper.isBot ? BOTS[spread % BOTS.length] : DEVICES[spread % DEVICES.length]
  return {
    userAgent: machine.userAgent,
    locale: place.locale,
    device: machine.device,
    os: machine.os,
    location: place.location,
    campaign: visit.campaign,
  }
}

export function placeOf(index: number): (typeof PLACES)[number] {
  return PLACES[scatter(index + 7_919) % PLACES.length]
}

/** Whether a visit is one with a newsletter's or a reminder's coupon at hand. */
export function bringsCoupon(intent: number): boolean {
  return intent === INTENT.bargain || intent === INTENT.resume
}

/** Spreads an index over 32 bits (finalizer of MurmurHash3). */
export function scatter(value: number): number {
  let hash = value | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
