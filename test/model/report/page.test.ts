import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { EVALUATED_TASKS } from '../../../src/model/evaluation/outcome.ts'
import { metric } from '../../../src/model/report/format.ts'
import { renderReport } from '../../../src/model/report/page.ts'
import { roundScale } from '../../../src/model/report/scale.ts'
import { makeReport } from './made-report.ts'

const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'
/** Where set, pictures of the pages are written there. */
const SCREENSHOTS = process.env['REPORT_SCREENSHOTS']
const reason = existsSync(CHROMIUM) ? '' : ` (skipped: no Chromium at ${CHROMIUM})`

test.each(EVALUATED_TASKS)('a page on a %s model needs nothing from outside', (task) => {
  const page = renderReport(makeReport(task))
  expect(page).not.toMatch(/\b(src|href|url)\s*[=(]/i)
  expect(page).not.toMatch(/https?:|@import|<link|<iframe/i)
  expect(page.match(/<script/g)).toHaveLength(1)
  expect(page).not.toMatch(/NaN|undefined|Infinity|\[object/)
})

test('a report without baselines, slices, importance or a second class is still a page', () => {
  const report = makeReport('binary')
  const labels = { ...report.evaluation.metrics.rocAuc, value: null, low: null, high: null }
  const bare = {
    ...report,
    version: null,
    warnings: [],
    facts: [],
    importance: [],
    inputs: [],
    parameters: {},
    evaluation: {
      ...report.evaluation,
      metrics: { ...report.evaluation.metrics, rocAuc: labels, prAuc: labels },
      curves: null,
      baselines: [],
      live: null,
      slices: [],
    },
  }
  expect(renderReport(bare)).toContain('one class only')
})

test('scales end at round numbers that hold the range', () => {
  for (const [from, to] of [
    [0, 0.137],
    [-3, 8],
    [5, 5],
    [1e6, 1.3e6],
    [0, 0],
  ]) {
    const scale = roundScale(from, to)
    expect(scale.from).toBeLessThanOrEqual(from)
    expect(scale.to).toBeGreaterThanOrEqual(to)
    expect(scale.ticks.length).toBeGreaterThan(1)
    expect(scale.ticks.length).toBeLessThan(9)
    expect(scale.part(scale.to)).toBe(1)
  }
})

describe.skipIf(reason !== '')(`in a browser${reason}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'limn-report-'))
  let browser: Browser
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
    })
  })
  afterAll(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true })
  })

  it.each(EVALUATED_TASKS)(
    '%s: shows what its JSON says, asks for nothing, fits a phone',
    async (task) => {
      const report = makeReport(task)
      const file = join(folder, `${task}.html`)
      writeFileSync(file, renderReport(report))
      const page = await browser.newPage({
        viewport: { width: 1240, height: 900 },
        colorScheme: 'dark',
      })
      const asked: string[] = []
      const said: string[] = []
      page.on('request', (request) => asked.push(request.url()))
      page.on('console', (message) => said.push(message.text()))
      page.on('dialog', (dialog) => said.push(dialog.message()))
      page.on('pageerror', (error) => said.push(String(error)))
      await page.goto(pathToFileURL(file).href)

      const text = await page.locator('#evaluation').textContent()
      expect(JSON.parse(text ?? '')).toEqual(report)
      const shown = await page.locator('main').innerText()
      const { metrics, mainMetric, baselines, live } = report.evaluation
      const others = [...baselines, ...(live === null ? [] : [live])]
      expect(others).toHaveLength(baselines.length + 1)
      for (const found of [metrics, ...others.map((other) => other.metrics)]) {
        expect(shown).toContain(metric(found[mainMetric].value))
        expect(shown).toContain(metric(found[mainMetric].high))
      }
      expect(shown).toContain(report.model)
      expect(shown).toContain('<b>group</b>')
      if (SCREENSHOTS !== undefined) {
        await page.screenshot({ path: join(SCREENSHOTS, `${task}.png`), fullPage: true })
      }
      await page.setViewportSize({ width: 390, height: 800 })
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390)
      expect(asked).toEqual([pathToFileURL(file).href])
      expect(said).toEqual([])
      await page.close()
    },
  )
})
