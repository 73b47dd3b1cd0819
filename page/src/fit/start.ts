/** Loads the page of fits. */

import '../style.css'
import './fit.css'
import { run } from '../loading.js'

run(import('./fit.js'))
