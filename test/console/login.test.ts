import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { chromium } from 'playwright-core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { KEYS, startLimn, temporaryDirectory } from '../integration/server.ts'
import type { RunningLimn } from '../integration/server.ts'

/** The page on a whole server: what the shopper does is what is seen. */

const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'
const PAGE = resolve(import.meta.dirname, '../../dist/console/index.html')
const missing = [
  existsSync(CHROMIUM) ? '' : `no Chromium at ${CHROMIUM}`,
  existsSync(PAGE) ? '' : 'dist/console is not built',
].filter((text) => text !== '')
const reason = missing.length === 0 ? '' : ` (skipped: ${missing.join(', ')})`

describe.skipIf(reason !== '')(`a shopper who logs in${reason}`, () => {
  const directory = temporaryDirectory()
  let browser: Browser
  let limn: RunningLimn

  beforeAll(async () => {
    limn = await startLimn(directory.path, { LIMN_STORAGE_SHARDS: '2' })
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
    })
  })
  afterAll(async () => {
    await browser?.close()
    await limn?.stop()
    directory.remove()
  })

  async function send(type: string, fields: object): Promise<void> {
    expect((await limn.post(`/v1/${type}`, fields)).status).toBe(200)
  }

  async function openShopper(id: string): Promise<Page> {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
    page.setDefaultTimeout(8000)
    await page.goto(`${limn.address}/#token=${KEYS.read}`)
    await page.getByText('Ready', { exact: true }).waitFor()
    await page.getByLabel('Find a shopper').fill(id)
    await page.getByRole('button', { name: 'Open', exact: true }).click()
    return page
  }

  const heading = (page: Page, id: string) => page.getByRole('heading', { name: id, exact: true })
  const ordersShown = (page: Page, orders: string) =>
    page
      .locator('.traits div', { has: page.getByText('Orders', { exact: true }) })
      .locator('dd span:first-child', { hasText: orders })

  // Pairs of ids over two shards: on the same one, and across.
  it.each([0, 1, 2, 3])('is followed to the user’s profile, pair %i', async (i) => {
    const anonymousId = `visitor-${i}`
    const userId = `anna-${i}`
    await send('track', { userId, event: 'Order Completed', properties: { revenue: 10 } })
    await send('track', { anonymousId, event: 'Product Viewed' })
    const page = await openShopper(`anonymous:${anonymousId}`)
    await heading(page, `anonymous:${anonymousId}`).waitFor()

    await send('identify', { anonymousId, userId })
    await heading(page, `user:${userId}`).waitFor()
    await page.getByText(`anonymous:${anonymousId} has logged in`, { exact: false }).waitFor()
    await ordersShown(page, '1').waitFor()

    await send('track', { userId, event: 'Order Completed', properties: { revenue: 10 } })
    await ordersShown(page, '2').waitFor()
    // What still comes under the anonymous id is the user's.
    await send('track', { anonymousId, event: 'Order Completed', properties: { revenue: 10 } })
    await ordersShown(page, '3').waitFor()
    await page.close()
  })

  it('is followed when the login was before the page was opened', async () => {
    await send('identify', { anonymousId: 'new-device', userId: 'ben' })
    const page = await openShopper('anonymous:new-device')
    await heading(page, 'user:ben').waitFor()
    await send('track', { userId: 'ben', event: 'Order Completed', properties: { revenue: 10 } })
    await ordersShown(page, '1').waitFor()
    await page.close()
  })
})
