import DefaultTheme from 'vitepress/theme'
import LiveFit from './LiveFit.vue'
import LiveRace from './LiveRace.vue'
import RaceFrame from './RaceFrame.vue'
import ScheduleCurve from './ScheduleCurve.vue'
import './style.css'

export default {
  extends: DefaultTheme,
  enhanceApp: ({ app }) => {
    for (const [name, part] of Object.entries({ LiveFit, LiveRace, RaceFrame, ScheduleCurve }))
      app.component(name, part)
  },
}
