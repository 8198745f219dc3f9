"""Makes our daemons known to Twisted."""

from twisted.application.service import ServiceMaker

tasks = ServiceMaker("tasks", "twisted_tasks.service.tap", "The Tasks service, over Apache Thrift.", "tasks")
gateway = ServiceMaker(
    "tasks-gateway",
    "twisted_tasks.gateway.tap",
    "Accounts, a REST API and a web page for tasks.",
    "tasks-gateway",
)
app = ServiceMaker("tasks-app", "twisted_tasks.app.tap", "The service and the gateway in one process.", "tasks-app")
