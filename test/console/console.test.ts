import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { profileOf, startFixture, TOKEN } from './fixture-server.ts'

const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'
const ROOT = fileURLToPath(new URL('../../dist/console', import.meta.url))
/** Where set, pictures of the page are written there. */
const SCREENSHOTS = process.env['CONSOLE_SCREENSHOTS']
const missing = [
  existsSync(CHROMIUM) ? '' : `no Chromium at ${CHROMIUM}`,
  existsSync(join(ROOT, 'index.html')) ? '' : 'dist/console is not built',
].filter((text) => text !== '')
const reason = missing.length === 0 ? '' : ` (skipped: ${missing.join(', ')})`

async function picture(page: Page, name: string): Promise<void> {
  if (SCREENSHOTS === undefined) return
  await page.evaluate('scrollTo(0, 0)')
  await page.waitForTimeout(1300)
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true })
}

describe.skipIf(reason !== '')(`console${reason}`, () => {
  let browser: Browser
  let fixture: Awaited<ReturnType<typeof startFixture>>

  beforeAll(async () => {
    fixture = await startFixture(ROOT)
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
    })
  })
  afterAll(async () => {
    await browser?.close()
    await fixture?.close()
  })

  async function openPage(
    options: { width?: number; dark?: boolean; token?: string } = {},
  ): Promise<Page> {
    const page = await browser.newPage({
      viewport: { width: options.width ?? 1440, height: 900 },
      colorScheme: options.dark === true ? 'dark' : 'light',
    })
    page.setDefaultTimeout(8000)
    await page.goto(`${fixture.url}#token=${options.token ?? TOKEN}`)
    return page
  }

  it('takes the token out of the address and shows totals', async () => {
    const page = await openPage()
    await page.getByText('10,240').waitFor()
    await page.getByText('Ready', { exact: true }).waitFor()
    expect(page.url()).not.toContain('token')
    await page.close()
  })

  it('changes the portrait as events arrive', async () => {
    const page = await openPage()
    await page.getByRole('button', { name: /user:u1/ }).click()
    await page.locator('.dial', { hasText: '31%' }).waitFor()
    for (let i = 1; i <= 5; i++) {
      const profile = profileOf(12 + i, 'cart', ['high_value'])
      fixture.push({ profile, event: null, predictions: { purchase: { score: 0.31 + i * 0.09 } } })
      await page.waitForTimeout(120)
    }
    await page.locator('.dial', { hasText: '76%' }).waitFor()
    expect(await page.locator('.steps [aria-current]').allTextContents()).toEqual([
      'Cart',
      'Active',
    ])
    expect(await page.locator('.history').textContent()).toContain('Product → Cart')
    expect(await page.locator('.chips .entered').allTextContents()).toEqual(['High value'])
    await page.locator('.timeline summary').first().click()
    expect(await page.locator('.timeline pre').first().textContent()).toContain('Product Added')
    await picture(page, 'desktop')
    await page.close()
  })

  it.each([
    { name: 'mobile', width: 390, dark: false },
    { name: 'dark', width: 1440, dark: true },
  ])('fits $name', async ({ name, width, dark }) => {
    const page = await openPage({ width, dark })
    await page.getByRole('button', { name: /user:u1/ }).click()
    await page.locator('.timeline li').first().waitFor()
    const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
    expect(overflow).toBeLessThanOrEqual(0)
    await picture(page, name)
    await page.close()
  })

  it('asks again, kindly, when the token is refused', async () => {
    const page = await openPage({ token: 'wrong' })
    await page.getByRole('alert').waitFor()
    await page.getByLabel('Read token').fill(TOKEN)
    await page.getByRole('button', { name: 'Open the console' }).click()
    await page.getByText('10,240').waitFor()
    await page.close()
  })

  it('says when the connection is lost and comes back by itself', async () => {
    const page = await openPage()
    await page.getByText('Ready', { exact: true }).waitFor()
    fixture.dropSockets()
    await page.getByText('Connection lost', { exact: false }).waitFor()
    await page.getByText('Ready', { exact: true }).waitFor()
    await page.close()
  })
})
