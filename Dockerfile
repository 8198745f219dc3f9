# The daemon in an image: see docs/docker.md.
#
# The base image needs Python 3.11 or newer as python3, pip, useradd, and glibc, for which the wheels are built.
# contrib/docker/build-without-docker.sh makes one of Debian's packages.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
COPY . /src
# Without pip: the image installs nothing.
RUN python3 -m venv --without-pip /opt/tasks \
 && python3 -m pip --python /opt/tasks install --no-cache-dir --no-compile --root-user-action=ignore '/src[cli]' \
 # Without a wheel and a compiler thrift installs without its codecs in C, and is several times slower: fail instead.
 && /opt/tasks/bin/python -c 'import thrift.protocol.fastbinary' \
 # Twisted writes its list of plugins again if a plugin is not older than the list, to the second. The daemon's user
 # cannot write it, and each start would log that. Old plugins stay older than the list in every layer.
 && find /opt/tasks -path '*/twisted/plugins/*.py' -exec touch -d 2000-01-01 {} + \
 && /opt/tasks/bin/python -c 'from twisted.plugin import IPlugin, getPlugins; list(getPlugins(IPlugin))' \
 # The daemon's user cannot write bytecode either. This is valid whatever the sources' times are.
 && /opt/tasks/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/tasks/lib


FROM ${BASE}
LABEL org.opencontainers.image.title="twisted-tasks" \
      org.opencontainers.image.description="Stores and manages to-do tasks for other services, over Apache Thrift" \
      org.opencontainers.image.licenses="MIT"

# The daemon runs in /data, so the embedded store is there, unless TASKS_SQLITE says otherwise.
RUN useradd --uid 10001 --user-group --home-dir /data --no-create-home --shell /usr/sbin/nologin tasks \
 && install -d -o tasks -g tasks -m 0755 /data
COPY --from=build /opt/tasks /opt/tasks
# A container's loopback is reached by nobody: a bare port for health and metrics is on the container's own network, too.
ENV PATH=/opt/tasks/bin:$PATH \
    TASKS_HTTP_HOST=0.0.0.0 TASKS_GATEWAY_HTTP_HOST=0.0.0.0 TASKS_APP_HTTP_HOST=0.0.0.0
# By number, so that Kubernetes' runAsNonRoot can tell that it is not root.
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 6001

# For the gateway, the same image with another entry point: docker-compose.yml and contrib/kubernetes have it.
# No pid file: one that a killed container leaves behind would name process 1, which is this container's own.
# 0.0.0.0 is the container's own network. Whoever publishes its ports decides who reaches it.
# Arguments of `docker run` are further options of `tasks`.
ENTRYPOINT ["twistd", "-n", "--pidfile=", "tasks", "--host", "0.0.0.0"]

# Calls check(), and ends by itself after 3 s, within the time-out.
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 \
  CMD ["python", "-m", "twisted_tasks.healthcheck"]
