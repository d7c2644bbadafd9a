# The telemetry page of the embedded run, in the place of VictoriaTraces. The context is local/.
FROM arloji/service:local
COPY . /app/local
