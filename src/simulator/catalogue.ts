import { Random } from './random.ts'

const SITE = 'https://shop.example'

export interface Page {
  readonly path: string
  readonly url: string
  readonly referrer: string
  readonly referring_domain: string
}

/** Price and brand of a product never change. Price in EUR. */
export interface Product {
  readonly id: string
  readonly name: string
  readonly category: string
  readonly brand: string
  readonly price: number
  readonly page: Page
}

export interface Category {
  readonly name: string
  readonly page: Page
  /** Cheapest first. */
  readonly products: readonly Product[]
}

const BRANDS = ['Alder', 'Birch', 'Cedar', 'Dogwood', 'Elm', 'Fir', 'Gorse', 'Hazel', 'Ivy']
const PRODUCTS_EACH = 60
/** Median price in EUR. */
const MEDIANS: readonly (readonly [string, number])[] = [
  ['shoes', 60],
  ['dresses', 50],
  ['coats', 110],
  ['bags', 70],
  ['sports', 40],
  ['home', 35],
  ['toys', 22],
  ['books', 14],
  ['garden', 30],
  ['electronics', 130],
]
export const CATEGORY_COUNT = MEDIANS.length
export const BRAND_NAMES: readonly string[] = BRANDS

/** The shop's own page, reached from another page of the shop. */
export function sitePage(path: string): Page {
  return landingPage(path, `${SITE}/`, 'shop.example')
}

/** A page of the shop reached from elsewhere. */
export function landingPage(path: string, referrer: string, domain: string): Page {
  return { path, url: SITE + path, referrer, referring_domain: domain }
}

/** The same products for every shop: the catalogue has its own fixed seed. */
export function createCatalogue(): readonly Category[] {
  const random = new Random(20_260_101)
  return MEDIANS.map(([category, median]) => {
    const prices = Array.from({ length: PRODUCTS_EACH }, () => {
      const spread = random.next() + random.next() + random.next() - 1.5
      return Math.max(2, Math.round(median * Math.exp(1.1 * spread))) - 0.05
    }).sort((a, b) => a - b)
    const products = prices.map((price, i) => {
      const brand = BRANDS[random.integer(BRANDS.length)]
      const id = `${category}-${i + 1}`
      const page = sitePage(`/products/${id}`)
      return { id, name: `${brand} ${category} ${i + 1}`, category, brand, price, page }
    })
    return { name: category, page: sitePage(`/categories/${category}`), products }
  })
}
