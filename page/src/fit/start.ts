/** Loads the curve-fitting page. */

import '../style.css'
import './fit.css'
import { run } from '../loading.js'

run(import('./fit.js'))
