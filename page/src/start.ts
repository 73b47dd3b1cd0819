/** Loads the race page. */

import './style.css'
import { run } from './loading.js'

run(import('./main.js'))
