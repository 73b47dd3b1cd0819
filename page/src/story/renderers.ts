/** The modules that the build runs in Node. */

export { renderCards } from './card.js'
export { renderStepPages, renderStory } from './pages.js'
