/** Loads the race page. */

import './style.css'
import './slider.css'
import './first-screen.css'
import { run } from './loading.js'

run(import('./main.js'))
