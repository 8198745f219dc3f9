# The daemon in an image: see docs/docker.md.
#
# Any base will do that has Python 3.11 or newer as python3 with its pip, a C library that the wheels are built for
# (glibc), and useradd. contrib/docker/build-without-docker.sh makes one of Debian's packages.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
COPY . /src
# pip stays out of the environment: the image needs it no more than this stage's sources.
RUN python3 -m venv --without-pip /opt/tasks \
 && python3 -m pip --python /opt/tasks install --no-cache-dir --no-compile --root-user-action=ignore /src \
 # Installs without a compiler where there is no wheel, and is then several times slower: better not built at all.
 && /opt/tasks/bin/python -c 'import thrift.protocol.fastbinary' \
 # Twisted writes its list of plugins again when a plugin is not older than the list, to the second. The daemon's user
 # cannot, and is told so at each start. Dating the plugins back holds whatever times the layers are later given.
 && find /opt/tasks -path '*/twisted/plugins/*.py' -exec touch -d 2000-01-01 {} + \
 && /opt/tasks/bin/python -c 'from twisted.plugin import IPlugin, getPlugins; list(getPlugins(IPlugin))' \
 # The daemon's user cannot keep bytecode either; made here, and valid whatever the sources' times are.
 && /opt/tasks/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/tasks/lib


FROM ${BASE}
LABEL org.opencontainers.image.title="twisted-tasks" \
      org.opencontainers.image.description="Stores and manages to-do tasks for other services, over Apache Thrift" \
      org.opencontainers.image.licenses="MIT"

# /data is where the daemon runs, so where the embedded store is unless TASKS_SQLITE says otherwise.
RUN useradd --uid 10001 --user-group --home-dir /data --no-create-home --shell /usr/sbin/nologin tasks \
 && install -d -o tasks -g tasks -m 0755 /data
COPY --from=build /opt/tasks /opt/tasks
ENV PATH=/opt/tasks/bin:$PATH
# By number, so that Kubernetes' runAsNonRoot can tell that it is not root.
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 6001

# No pid file: one left behind by a container that was killed would name this one's own process, 1.
# 0.0.0.0 is the container's own network; who reaches that is decided where its ports are published.
# What is given to `docker run` comes behind: further options of `tasks`.
ENTRYPOINT ["twistd", "-n", "--pidfile=", "tasks", "--host", "0.0.0.0"]

# One that asks for what the image does (check) and ends by itself after 3 s, within the time-out.
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 \
  CMD ["python", "-m", "twisted_tasks.client.healthcheck"]
