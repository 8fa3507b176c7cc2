# A state of before an app had other processes than its web server.

moved {
  from = module.task
  to   = module.task["web"]
}
