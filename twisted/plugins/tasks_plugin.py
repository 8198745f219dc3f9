"""Makes `twistd tasks` known to Twisted."""

from twisted.application.service import ServiceMaker

tasks = ServiceMaker("tasks", "twisted_tasks.tap", "The Tasks service: to-do tasks over Apache Thrift.", "tasks")
